-- keep: resets the idle time of entries, so that nobody takes them over.
-- ARGV[3…]  the entries
-- returns   for each: 0 not ours, 1 kept, 2 trimmed or flushed away, so that nobody else can receive it
--
-- An entry that was handled elsewhere and deleted looks trimmed: the inbox then finds its message done.
local function is_there(id)
  return #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) == 1 or #redis.call('XRANGE', KEYS[1], id, id) == 1
end
local kept = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local ours = is_ours(id)
  if ours and #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'IDLE', 0, 'JUSTID') == 1 then
    kept[#kept + 1] = 1
  else
    kept[#kept + 1] = not ours and is_there(id) and 0 or 2
  end
end
return kept
