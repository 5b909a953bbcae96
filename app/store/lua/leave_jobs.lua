-- leave_jobs
-- A caller no longer waits for cells. Drop the jobs for which nobody waits, unless they have begun;
-- with a channel those as well, and their workers are notified.
-- Returns how many were dropped.

local inflight_key = KEYS[1]

local group = ARGV[1]
local job_key_prefix = ARGV[2]
local waiter = ARGV[3]
local channel = ARGV[4] -- empty: jobs that have begun are finished
local FIRST_FIELD = 5 -- then one cell field each

local function anybody_waits(job)
  for i = 1, #job, 2 do
    if string.sub(job[i], 1, 7) == 'waiter:' then
      return true
    end
  end
  return false
end

local dropped = 0
for i = FIRST_FIELD, #ARGV do
  local job_id = redis.call('HGET', inflight_key, ARGV[i])
  local job_key = job_id and (job_key_prefix .. job_id)
  if job_key and redis.call('HDEL', job_key, 'waiter:' .. waiter) == 1 then
    local begun = redis.call('HGET', job_key, 'attempts') ~= '0'
    if (not begun or channel ~= '') and not anybody_waits(redis.call('HGETALL', job_key)) then
      local stream, entry = unpack(redis.call('HMGET', job_key, 'stream', 'entry'))
      for field in string.gmatch(redis.call('HGET', job_key, 'fields'), '[^\n]+') do
        if redis.call('HGET', inflight_key, field) == job_id then
          redis.call('HDEL', inflight_key, field)
        end
      end
      redis.call('XACK', stream, group, entry)
      redis.call('XDEL', stream, entry)
      redis.call('DEL', job_key)
      if begun then
        redis.call('PUBLISH', channel, cjson.encode({type = 'dropped', job = job_id}))
      end
      dropped = dropped + 1
    end
  end
end
return dropped
