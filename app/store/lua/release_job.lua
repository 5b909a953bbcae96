-- Make an entry look idle for long, so that another worker takes it over at once.
-- Returns 1, or 0 when the entry has been taken over: then it belongs to its new owner.

local stream_key = KEYS[1]
local job_key = KEYS[2]

local group = ARGV[1]
local worker = ARGV[2]
local entry = ARGV[3]
local refund = ARGV[4] == '1' -- the start does not count as an attempt
local idle_ms = ARGV[5]

if #redis.call('XPENDING', stream_key, group, entry, entry, 1, worker) == 0 then
  return 0
end
if refund and redis.call('EXISTS', job_key) == 1 then
  redis.call('HINCRBY', job_key, 'attempts', -1)
end
redis.call('XCLAIM', stream_key, group, worker, 0, entry, 'IDLE', idle_ms, 'JUSTID')
return 1
