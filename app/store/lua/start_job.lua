-- start_job
-- Count the start of a job. Safe to repeat: a start is counted once, by its name.
-- Returns {attempts, ms until its deadline, ms since it was queued}; empty when the job has ended or
-- was taken over.

local stream_key = KEYS[1]
local job_key = KEYS[2]

local group = ARGV[1]
local worker = ARGV[2]
local entry = ARGV[3]
local start = ARGV[4] -- unlike that of any other start

if #redis.call('XPENDING', stream_key, group, entry, entry, 1, worker) == 0 then
  return {}
end
if redis.call('EXISTS', job_key) == 0 then
  return {}
end
-- Times go by Redis's clock alone; the first part of an entry's id is when it was added.
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local queued_ms = tonumber(string.match(entry, '^%d+'))
local deadline_ms = tonumber(redis.call('HGET', job_key, 'deadline'))
local attempts = tonumber(redis.call('HGET', job_key, 'attempts'))
if redis.call('HGET', job_key, 'start') ~= start then
  attempts = redis.call('HINCRBY', job_key, 'attempts', 1)
  redis.call('HSET', job_key, 'start', start)
end
return {attempts, deadline_ms - now_ms, now_ms - queued_ms}
