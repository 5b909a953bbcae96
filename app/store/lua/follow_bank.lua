-- Let embeddings live as long as their bank: those of a deleted bank are deleted.
-- Returns whether the bank exists.

local content_key = KEYS[1]
local embedded_key = KEYS[2] -- set of the keys that hold its embeddings

-- ARGV: keys of embeddings to add; none to update those that are known.
for _, key in ipairs(ARGV) do
  redis.call('SADD', embedded_key, key)
end

local NO_KEY, NO_EXPIRY = -2, -1 -- as PTTL answers
local left_ms = redis.call('PTTL', content_key)
for _, key in ipairs({embedded_key, unpack(redis.call('SMEMBERS', embedded_key))}) do
  if left_ms == NO_KEY then
    redis.call('UNLINK', key)
  elseif left_ms == NO_EXPIRY then
    redis.call('PERSIST', key)
  else
    redis.call('PEXPIRE', key, left_ms)
  end
end
return left_ms == NO_KEY and 0 or 1
