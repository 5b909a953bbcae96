-- Reset the idle time of entries, which is what takeover goes by.
-- Returns the entries that this worker still holds.

local stream_key = KEYS[1]

local group = ARGV[1]
local worker = ARGV[2]
local FIRST_ENTRY = 3 -- then one entry id each

local held = {}
for i = FIRST_ENTRY, #ARGV do
  local entry = ARGV[i]
  if #redis.call('XPENDING', stream_key, group, entry, entry, 1, worker) > 0 then
    redis.call('XCLAIM', stream_key, group, worker, 0, entry, 'JUSTID')
    table.insert(held, entry)
  end
end
return held
