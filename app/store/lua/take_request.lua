-- Count a request of an API key, unless one of the key's limits is reached.
-- Returns {allowed, requests, requests_left_ms, tokens, tokens_left_ms}: what is used of each limit in
-- the present window, and how long that window still lasts. A window begins with the first use.

local limits = {tonumber(ARGV[1]), tonumber(ARGV[2])} -- of requests and tokens; -1: none
local window_ms = tonumber(ARGV[3])

local used, left_ms = {}, {}
local allowed = 1
for i, key in ipairs(KEYS) do -- of requests and tokens
  used[i] = tonumber(redis.call('GET', key) or 0)
  left_ms[i] = redis.call('PTTL', key)
  if left_ms[i] < 0 then
    left_ms[i] = window_ms
  end
  if limits[i] >= 0 and used[i] >= limits[i] then
    allowed = 0
  end
end
if allowed == 1 and limits[1] >= 0 then
  used[1] = redis.call('INCR', KEYS[1])
  if used[1] == 1 then
    redis.call('PEXPIRE', KEYS[1], window_ms)
  end
end
return {allowed, used[1], left_ms[1], used[2], left_ms[2]}
