-- find: records as they are, with the clock they were read by.
-- KEYS     one per operation
-- returns  one string: the clock in ms I6, then per operation a length I4 and the record; length 0 where there is none,
--          and 13 where it is only known to be done (compact): the byte 0, from when on I6, until when I6
local out = { struct.pack('>I6', now) }
for i, key in ipairs(KEYS) do
  local bytes = call('GET', key)
  if not bytes or #bytes < 38 or struct.unpack('>I6', bytes, 16) == 0 then
    local owner, _, _, done
    if find_settled then owner, _, _, done = find_settled(key) end
    bytes = owner and struct.pack('>BI6I6', 0, math.min(done * epoch_ms, now), (done + 3) * epoch_ms) or bytes or ''
  end
  out[i + 1] = struct.pack('>I4', #bytes) .. bytes
end
return table.concat(out)
