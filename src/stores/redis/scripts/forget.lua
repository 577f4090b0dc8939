-- forget: removes records in any state, also unreadable ones.
-- KEYS     one per operation
-- ARGV[1]  the mark I4
-- ARGV[2]  the channel that waiting callers listen on
-- returns  the mark, then the number of records in digits
--
-- The fence stays for a day, so that fences grow even if the clock is set back meanwhile. If memory is full it is
-- removed as well: forgetting must work then.
local FORGOTTEN_MS = '86400000'
local removed = 0

local function leave(key, fence)
  local left = struct.pack(HEAD, FORMAT, IDLE, fence, 0, 0, 0, 0, 0, 0, 0, 0)
  local kept = redis.pcall('SET', key, left, unpack(expires and { 'PX', FORGOTTEN_MS } or {}))
  if kept.err then call('DEL', key) end
end

for _, key in ipairs(KEYS) do
  local bytes, state, fence, until_lease, until_retain
  if call('TYPE', key).ok == 'string' then bytes, state, fence, until_lease, until_retain = read(key) end
  local settled, bucket, field
  if find_settled then settled, bucket, field = find_settled(key) end
  if settled then
    removed = removed + 1
    -- Its fence is not stored; the clock serves instead, which is ahead of it unless it was set back.
    leave(key, now_us)
    -- Last, because a full memory refuses a script its first write only.
    unsettle(bucket, field)
  elseif bytes == nil then
    removed = removed + call('DEL', key)
  else
    if until_retain > now or until_lease > now then
      removed = removed + 1
      wake(key, state)
    end
    leave(key, fence)
  end
end
return mark .. string.format('%d', removed)
