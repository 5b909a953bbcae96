-- Save cells, or the reasons why they have no scores, and publish a notice for each.
-- One step, so that cells of one answer are never mixed with those of another. The first score
-- stays: a job delivered twice may draw others after the first were published. A failure never
-- replaces a score, and only the job that holds an in-flight marker clears it.

local score_set_key = KEYS[1]
local inflight_key = KEYS[2]
local tokens_key = KEYS[3] -- tokens used by the API key that pays; absent without one

local job_id = ARGV[1]
local scorer = ARGV[2] -- empty when it is not known
local score_set_ttl_s = tonumber(ARGV[3])
local notice_channel = ARGV[4]
local tokens = tonumber(ARGV[5]) -- of the scored cells
local tokens_window_ms = ARGV[6]
local FIRST_CELL = 7 -- then kind ('cell' or 'fail'), field, value, notice, ...

local stored = 0
for i = FIRST_CELL, #ARGV, 4 do
  local kind, field, value = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if kind == 'cell' then
    stored = stored + redis.call('HSETNX', score_set_key, 'cell:' .. field, value)
    redis.call('HDEL', score_set_key, 'fail:' .. field)
  elseif redis.call('HEXISTS', score_set_key, 'cell:' .. field) == 0 then
    redis.call('HSET', score_set_key, 'fail:' .. field, value)
  end
  if redis.call('HGET', inflight_key, field) == job_id then
    redis.call('HDEL', inflight_key, field)
  end
end
-- Once: a job delivered twice stores nothing the second time.
if tokens_key and stored > 0 and tokens > 0 then
  if redis.call('INCRBY', tokens_key, tokens) == tokens then
    redis.call('PEXPIRE', tokens_key, tokens_window_ms)
  end
end
if scorer ~= '' then
  redis.call('HSETNX', score_set_key, 'scorer', scorer)
end
if redis.call('TTL', score_set_key) < score_set_ttl_s then
  redis.call('EXPIRE', score_set_key, score_set_ttl_s)
end
for i = FIRST_CELL, #ARGV, 4 do
  redis.call('PUBLISH', notice_channel, ARGV[i + 3])
end
