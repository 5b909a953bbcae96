-- Count the start of a job.
-- Returns {attempts, ms until its deadline}; empty when the job has ended or was taken over.

local stream_key = KEYS[1]
local job_key = KEYS[2]

local group = ARGV[1]
local worker = ARGV[2]
local entry = ARGV[3]

if #redis.call('XPENDING', stream_key, group, entry, entry, 1, worker) == 0 then
  return {}
end
if redis.call('EXISTS', job_key) == 0 then
  return {}
end
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local deadline_ms = tonumber(redis.call('HGET', job_key, 'deadline'))
return {redis.call('HINCRBY', job_key, 'attempts', 1), deadline_ms - now_ms}
