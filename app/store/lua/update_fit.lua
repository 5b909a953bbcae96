-- Store the progress of a fit and, when it has succeeded, the calibration.
-- Returns 1, or 0 when the fit is no longer the owner's: it was deleted, or begun by another. The
-- owner in the stored progress decides, so a process that was silent for too long may go on.

local fits_key = KEYS[1]
local alive_key = KEYS[2]
local ready_key = KEYS[3] -- this and the next only with a calibration
local artefact_key = KEYS[4]

local name = ARGV[1]
local progress = ARGV[2]
local owner = ARGV[3]
local alive_s = tonumber(ARGV[4]) -- 0 at the end of the fit
local info = ARGV[5] -- this and the rest only with a calibration
local artefact = ARGV[6]
local notice_channel = ARGV[7]
local notice = ARGV[8]

local stored = redis.call('HGET', fits_key, name)
if not stored or cjson.decode(stored).owner ~= owner then
  return 0
end
redis.call('HSET', fits_key, name, progress)
if alive_s > 0 then
  redis.call('SET', alive_key, owner, 'EX', alive_s)
else
  redis.call('DEL', alive_key)
end
if info then
  redis.call('SET', artefact_key, artefact)
  redis.call('HSET', ready_key, name, info)
  redis.call('PUBLISH', notice_channel, notice)
end
return 1
