-- find: returns records as they are stored, with the time by the store's clock.
-- KEYS     one per operation
-- ARGV[1]  the mark I4
-- returns  one string: the mark, the clock in ms I6, then per operation a length I4 and the record; length 0 without
--          one, 13 for a compacted one: the byte 0, the begin of its epoch I6, the end of its retention I6
local out = { mark .. struct.pack('>I6', now) }
for i, key in ipairs(KEYS) do
  local bytes, wrong = get(key)
  if wrong then return wrong end
  if not bytes or #bytes < 38 or struct.unpack('>I6', bytes, 16) == 0 then
    local owner, _, _, done
    if find_settled then owner, _, _, done = find_settled(key) end
    bytes = owner and struct.pack('>BI6I6', 0, math.min(done * epoch_ms, now), (done + 3) * epoch_ms) or bytes or ''
  end
  out[i + 1] = struct.pack('>I4', #bytes) .. bytes
end
return table.concat(out)
