-- bury: puts a message aside and acknowledges it, in one step.
-- KEYS[2]  the stream for messages put aside
-- ARGV[3]  the entry   ARGV[4]  1: removes it from the stream too   ARGV[5]  1: also when it is not listed any more
-- ARGV[6…] fields and values of the copy
-- returns  1, or 0 when it was not ours
--
-- The copy comes first: if it is refused, nothing has changed.
local ours = ARGV[5] == '1' or is_ours(ARGV[3])
if not ours then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 6))
if ARGV[5] ~= '1' then
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
  if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], ARGV[3]) end
end
return 1
