-- Request cells: answer those that are scored, join those in flight, queue the rest.
-- Returns {state, queue depth, fields, scored}: state is 'full', 'queued' or 'joined'; `fields` are
-- those that are not scored yet; `scored` is field, cell, field, cell, ... for the others.

local score_set_key = KEYS[1]
local inflight_key = KEYS[2]
local stream_key = KEYS[3]
local job_key = KEYS[4]
local view_key = KEYS[5]

local job_id = ARGV[1]
local job_body = ARGV[2]
local deadline_in_ms = tonumber(ARGV[3])
local job_ttl_ms = tonumber(ARGV[4])
local queue_limit = tonumber(ARGV[5])
local score_set_ttl_ms = tonumber(ARGV[6])
local score_set_id = ARGV[7]
local scorer = ARGV[8]
local view = ARGV[9]
local surface = ARGV[10]
local job_key_prefix = ARGV[11]
local waiter = ARGV[12] -- who waits for the cells; leave_jobs.lua takes the name back
local FIRST_CELL = 13 -- then field, attribute name, field, attribute name, ...

-- Deadlines go by Redis's clock alone: the clocks of API processes and workers may differ.
local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local deadline_ms = now_ms + deadline_in_ms

-- Lives are only ever extended: another request may have been promised a longer one.
local function live_at_least(key, ttl_ms)
  if redis.call('PTTL', key) < ttl_ms then
    redis.call('PEXPIRE', key, ttl_ms)
  end
end

local waiting, scored, missing, joined = {}, {}, {}, {}
for i = FIRST_CELL, #ARGV, 2 do
  local field = ARGV[i]
  local cell = redis.call('HGET', score_set_key, 'cell:' .. field)
  if cell then
    table.insert(scored, field)
    table.insert(scored, cell)
  else
    table.insert(waiting, field)
    local other_id = redis.call('HGET', inflight_key, field)
    local other_key = other_id and (job_key_prefix .. other_id)
    -- A job of another pool is no help: an upgrade may have left that pool without a worker.
    if other_key and redis.call('HGET', other_key, 'stream') == stream_key then
      table.insert(joined, other_key)
    else
      table.insert(missing, field)
    end
  end
end

local depth = redis.call('XLEN', stream_key)
if #missing > 0 and depth >= queue_limit then
  return {'full', depth, {}, {}}
end

for _, other_key in ipairs(joined) do
  redis.call('HSET', other_key, 'waiter:' .. waiter, 1)
  if tonumber(redis.call('HGET', other_key, 'deadline')) < deadline_ms then
    redis.call('HSET', other_key, 'deadline', deadline_ms)
    live_at_least(other_key, job_ttl_ms)
    live_at_least(inflight_key, job_ttl_ms)
  end
end

redis.call('HSET', score_set_key, 'scorer', scorer, 'surface', surface)
for i = FIRST_CELL, #ARGV, 2 do
  redis.call('HSET', score_set_key, 'asked:' .. ARGV[i], ARGV[i + 1])
end
live_at_least(score_set_key, score_set_ttl_ms)

local view_left_ms = redis.call('PTTL', view_key)
redis.call('SET', view_key, view, 'PX', math.max(view_left_ms, score_set_ttl_ms))

if #missing == 0 then
  return {'joined', depth, waiting, scored}
end
for _, field in ipairs(missing) do
  redis.call('HDEL', score_set_key, 'fail:' .. field)
  redis.call('HSET', inflight_key, field, job_id)
end
live_at_least(inflight_key, job_ttl_ms)
redis.call('HSET', job_key, 'body', job_body, 'deadline', deadline_ms, 'stream', stream_key,
           'score_set', score_set_id, 'fields', table.concat(missing, '\n'), 'attempts', 0,
           'waiter:' .. waiter, 1, 'entry', redis.call('XADD', stream_key, '*', 'job', job_id))
redis.call('PEXPIRE', job_key, job_ttl_ms)
return {'queued', depth + 1, waiting, scored}
