-- forget: removes records in any state, also those that cannot be read.
-- KEYS     one per operation
-- ARGV[2]  the channel that waiting callers listen on
-- returns  how many records there were
--
-- The fence stays for a day, so that fences grow although the clock is set back meanwhile. Where memory is full it
-- goes as well: forgetting has to work then.
local FORGOTTEN_MS = '86400000'
local removed = 0
for _, key in ipairs(KEYS) do
  local bytes, state, fence, until_lease, until_retain
  if call('TYPE', key).ok == 'string' then bytes, state, fence, until_lease, until_retain = read(key) end
  if unsettle and unsettle(key) then
    removed = removed + 1
    -- What was handed out for it is not kept: it was not above the clock, unless that was set back.
    redis.pcall('SET', key, struct.pack(HEAD, FORMAT, IDLE, now_us, 0, 0, 0, 0, 0, 0, 0, 0), 'PX', FORGOTTEN_MS)
  elseif bytes == nil then
    removed = removed + call('DEL', key)
  else
    if until_retain > now or until_lease > now then
      removed = removed + 1
      wake(key, state)
    end
    local left = struct.pack(HEAD, FORMAT, IDLE, fence, 0, 0, 0, 0, 0, 0, 0, 0)
    local kept = redis.pcall('SET', key, left, unpack(expires and { 'PX', FORGOTTEN_MS } or {}))
    if kept.err then call('DEL', key) end
  end
end
return removed
