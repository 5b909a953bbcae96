-- Become the owner of the fit of a calibration.
-- Returns 1, or 0 while another owner is alive.

local fits_key = KEYS[1]
local alive_key = KEYS[2]

local name = ARGV[1]
local progress = ARGV[2]
local owner = ARGV[3]
local alive_s = ARGV[4]

if redis.call('EXISTS', alive_key) == 1 then
  return 0
end
redis.call('HSET', fits_key, name, progress)
redis.call('SET', alive_key, owner, 'EX', alive_s)
return 1
