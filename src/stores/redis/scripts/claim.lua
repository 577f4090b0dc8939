-- claim: gives each operation to exactly one owner, or reports what is there.
-- KEYS     one per operation
-- ARGV[1]  the mark I4, then per operation:
--          lease ms I6, retention ms I6, length I4 and bytes of the tail of its record, from byte 34
-- ARGV[3]  '1': a claim repeated by its owner is written again, so that a WAIT after it also covers the first write
-- returns  one string: the mark, then per operation:
--          g fence I7 attempt I3 starts I3 length I4 steps | d fence I7 state B length I4 result | r ms left I6 | m
local blob, at = ARGV[1], #mark + 1
local again = ARGV[3] == '1'
local out = {}
-- The head and the answer are the same for all new operations of a batch that ask for the same times.
local same_lease, same_retention, new_head, new_answer

local function answer(fence, attempt, starts, steps)
  return struct.pack('>c1I7I3I3I4', 'g', fence, math.min(attempt, MOST_COUNTED), math.min(starts, MOST_COUNTED), #steps)
    .. steps
end

local function head(fence, lease, retain)
  return string.char(FORMAT, RUNNING) .. struct.pack('>I7I6I6', fence, lease, retain)
end

for i, key in ipairs(KEYS) do
  local lease, retention, length
  lease, retention, length, at = struct.unpack('>I6I6I4', blob, at)
  local tail = blob:sub(at, at + length - 1)
  at = at + length

  local bytes, state, fence, until_lease, until_retain, print_at, names_at, body_at, attempt, starts = read(key)
  if bytes == nil and state ~= nil then return state end
  if find_settled and (bytes == nil or (until_retain <= now and until_lease <= now)) and find_settled(key, again) then
    out[i] = struct.pack('>c1I7BI4', 'd', 0, DONE, 0)
  elseif bytes == nil then
    if lease ~= same_lease or retention ~= same_retention then
      same_lease, same_retention = lease, retention
      new_head = head(now_us, later(lease), later(lease + retention)) .. struct.pack('>I6I3I3', now, 1, 1)
      new_answer = answer(now_us, 1, 1, '')
    end
    put(key, new_head .. tail, later(lease + retention))
    out[i] = new_answer
  else
    local owner_bytes, print_bytes, names_bytes, text_at = struct.unpack('>BHH', tail)
    local owner = tail:sub(text_at, text_at + owner_bytes - 1)
    local print = tail:sub(text_at + owner_bytes, text_at + owner_bytes + print_bytes - 1)
    local known = until_retain > now or until_lease > now
    local mine = known and bytes:sub(39, print_at - 1) == owner
    local running = state == RUNNING or state == AWAITED
    if known and bytes:sub(print_at, names_at - 1) ~= print then
      out[i] = 'm'
    elseif known and state >= DONE then
      if again then put(key, bytes, until_retain) end
      local body = bytes:sub(body_at)
      out[i] = struct.pack('>c1I7BI4', 'd', fence, state, #body) .. body
    elseif mine and state == IDLE then
      -- A delayed copy of the claim that this owner has already released.
      out[i] = struct.pack('>c1I6', 'r', 0)
    elseif mine and running then
      if again then put(key, bytes, until_retain) end
      out[i] = answer(fence, attempt, starts, bytes:sub(body_at))
    elseif known and running and until_lease > now then
      -- Somebody may wait now, so settling must publish. SETRANGE keeps the expiry.
      if state == RUNNING then call('SETRANGE', key, 1, string.char(AWAITED)) end
      out[i] = struct.pack('>c1I6', 'r', until_lease - now)
    else
      local steps = known and bytes:sub(body_at) or ''
      local created = known and bytes:sub(22, 27) or struct.pack('>I6', now)
      attempt = known and math.min(attempt + 1, MOST_COUNTED) or 1
      starts = known and math.min(starts + 1, MOST_COUNTED) or 1
      fence = math.max(fence, now_us - 1) + 1
      local retain = later(lease + retention)
      local new = head(fence, later(lease), retain) .. created .. struct.pack('>I3I3', attempt, starts) .. tail .. steps
      put(key, new, retain)
      out[i] = answer(fence, attempt, starts, steps)
    end
  end
end
return mark .. table.concat(out)
