-- complete: settles operations, also after their lease ran out: judged by owner and fence, not by the lease.
-- KEYS     one per operation
-- ARGV[1]  the mark I4, then per operation:
--          fence I7, retention ms I6, state B, owner's length B, length of the result I4, then both
-- ARGV[2]  the channel that waiting callers listen on
-- ARGV[3]  '1': a repeat is written again, so that a WAIT after it also covers the first write
-- returns  the mark, then one letter per operation: o ok, l lost
local blob, at = ARGV[1], #mark + 1
local again = ARGV[3] == '1'
local out = {}
-- The times are the same for all operations of a batch with the same retention.
local same_retain, times

for i, key in ipairs(KEYS) do
  local fence, retention, new_state, owner_bytes, body_bytes
  fence, retention, new_state, owner_bytes, body_bytes, at = struct.unpack('>I7I6BBI4', blob, at)
  local result_at = at + owner_bytes
  local owner = blob:sub(at, result_at - 1)
  at = result_at + body_bytes

  local bytes, state, held, until_lease, until_retain, print_at, _, body_at = read(key)
  if bytes == nil and state ~= nil then return state end
  if not bytes or (until_retain <= now and until_lease <= now) or held ~= fence or state == IDLE
    or bytes:sub(39, print_at - 1) ~= owner then
    out[i] = find_settled and find_settled(key, again) == owner:sub(-3) and 'o' or 'l'
  elseif state >= DONE and not (state == UNKNOWN and new_state ~= UNKNOWN) then
    if again then put(key, bytes, until_retain) end
    out[i] = 'o'
  elseif settle and new_state == DONE then
    wake(key, state)
    settle(key, owner:sub(-3))
    out[i] = 'o'
  else
    wake(key, state)
    local retain = new_state == UNKNOWN and FOREVER or later(retention)
    if retain ~= same_retain then
      same_retain, times = retain, struct.pack('>I6I6', now, retain)
    end
    local new = string.char(FORMAT, new_state) .. bytes:sub(3, 9) .. times .. bytes:sub(22, body_at - 1)
      .. blob:sub(result_at, at - 1)
    put(key, new, retain)
    out[i] = 'o'
  end
end
return mark .. table.concat(out)
