-- release: releases running operations. Fingerprint, steps and fence stay; `attempt` is reduced by one.
-- KEYS     one per operation
-- ARGV[1]  the mark I4, then per operation: fence I7, owner's length B, owner
-- ARGV[2]  the channel that waiting callers listen on
-- returns  the mark, then one letter per operation: o ok, l lost
local blob, at = ARGV[1], #mark + 1
local out = {}

for i, key in ipairs(KEYS) do
  local fence, owner_bytes
  fence, owner_bytes, at = struct.unpack('>I7B', blob, at)
  local owner = blob:sub(at, at + owner_bytes - 1)
  at = at + owner_bytes

  local bytes, state, held, until_lease, until_retain, print_at, _, _, attempt = read(key)
  if bytes == nil and state ~= nil then return state end
  if not bytes or (until_retain <= now and until_lease <= now) or held ~= fence or state >= DONE
    or bytes:sub(39, print_at - 1) ~= owner then
    out[i] = 'l'
  elseif state == IDLE then
    out[i] = 'o'
  else
    wake(key, state)
    local new = string.char(FORMAT, IDLE) .. bytes:sub(3, 9) .. struct.pack('>I6', now) .. bytes:sub(16, 27)
      .. struct.pack('>I3', attempt - 1) .. bytes:sub(31)
    put(key, new, until_retain)
    out[i] = 'o'
  end
end
return mark .. table.concat(out)
