-- Let a version of a bank and its embeddings expire, unless a name still points to it.
-- Returns whether it expires.

local names_key = KEYS[1]
local content_key = KEYS[2]
local embedded_key = KEYS[3] -- set of the keys that hold its embeddings

local digest = ARGV[1]
local seconds = ARGV[2]

for _, info in ipairs(redis.call('HVALS', names_key)) do
  if cjson.decode(info)['digest'] == digest then
    return 0
  end
end
for _, key in ipairs(redis.call('SMEMBERS', embedded_key)) do
  redis.call('EXPIRE', key, seconds)
end
redis.call('EXPIRE', content_key, seconds)
redis.call('EXPIRE', embedded_key, seconds)
return 1
