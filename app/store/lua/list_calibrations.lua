-- Returns all fits, all ready calibrations (both as HGETALL does) and the names whose owner is
-- alive. One step: a fit that ended in between would look interrupted, or ready without a version.

local fits_key = KEYS[1]
local ready_key = KEYS[2]

local alive_key_prefix = ARGV[1]

local alive = {}
for _, name in ipairs(redis.call('HKEYS', fits_key)) do
  if redis.call('EXISTS', alive_key_prefix .. name) == 1 then
    table.insert(alive, name)
  end
end
return {redis.call('HGETALL', fits_key), redis.call('HGETALL', ready_key), alive}
