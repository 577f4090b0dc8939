-- ack: acknowledges handled entries that are still ours.
-- ARGV[3]   1: removes them from the stream too   ARGV[4…]  the entries
-- returns   for each: 1, or 0 when it was not ours
local acked = {}
for i = 4, #ARGV do
  local ours = is_ours(ARGV[i])
  if ours then
    redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
    if ARGV[3] == '1' then redis.call('XDEL', KEYS[1], ARGV[i]) end
  end
  acked[#acked + 1] = ours and 1 or 0
end
return acked
