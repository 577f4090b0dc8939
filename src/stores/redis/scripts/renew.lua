-- renew: extends leases and keeps the longer list of steps. Shortens neither, so a delayed repeat does no harm.
-- KEYS     one per operation
-- ARGV[1]  the mark I4, then per operation:
--          fence I7, lease ms I6, retention ms I6, owner's length B, length of the steps I4, then both
-- returns  the mark, then one letter per operation: o ok, l lost
local blob, at = ARGV[1], #mark + 1
local out = {}

local function count(steps)
  if steps == '' then return 0 end
  return (struct.unpack('>I4', steps))
end

for i, key in ipairs(KEYS) do
  local fence, lease, retention, owner_bytes, steps_bytes
  fence, lease, retention, owner_bytes, steps_bytes, at = struct.unpack('>I7I6I6BI4', blob, at)
  local steps_at = at + owner_bytes
  local owner = blob:sub(at, steps_at - 1)
  at = steps_at + steps_bytes

  local bytes, state, held, until_lease, until_retain, print_at, _, body_at = read(key)
  if bytes == nil and state ~= nil then return state end
  if bytes and (until_retain > now or until_lease > now) and held == fence and bytes:sub(39, print_at - 1) == owner
    and (state == RUNNING or state == AWAITED) then
    local steps, saved = blob:sub(steps_at, at - 1), bytes:sub(body_at)
    if count(steps) <= count(saved) then steps = saved end
    local retain = math.max(until_retain, later(lease + retention))
    local times = struct.pack('>I6I6', math.max(until_lease, later(lease)), retain)
    put(key, bytes:sub(1, 9) .. times .. bytes:sub(22, body_at - 1) .. steps, retain)
    out[i] = 'o'
  else
    out[i] = 'l'
  end
end
return mark .. table.concat(out)
