// Written by scripts/generate-lua.mjs from the Lua files beside it. Do not edit.

export const SOURCE = {
  claim: `local blob, at = ARGV[1], #mark + 1
local again = ARGV[3] == '1'
local out = {}
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
      out[i] = struct.pack('>c1I6', 'r', 0)
    elseif mine and running then
      if again then put(key, bytes, until_retain) end
      out[i] = answer(fence, attempt, starts, bytes:sub(body_at))
    elseif known and running and until_lease > now then
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
`,
  compact: `local FULL = 128
local FORGOTTEN = ''
if KEYS[#KEYS]:sub(-2) == ':-' then KEYS[#KEYS] = nil end
epoch_ms = tonumber(ARGV[4])
local epoch = math.floor(now / epoch_ms)
local function field_of(key)
  local at = #key - 31
  return struct.pack('>I4I4I4I4', tonumber(key:sub(at, at + 7), 16), tonumber(key:sub(at + 8, at + 15), 16),
    tonumber(key:sub(at + 16, at + 23), 16), tonumber(key:sub(at + 24), 16))
end
find_settled = function(key, again)
  local field, group = field_of(key), key:sub(1, -33)
  for past = -1, 2 do
    local front = group .. string.format('%d:', epoch - past)
    local number = 0
    while true do
      local bucket = front .. number
      local owner = call('HGET', bucket, field)
      if owner and owner ~= FORGOTTEN then
        if again then call('HSET', bucket, field, owner) end
        return owner, bucket, field, epoch - past
      end
      if call('HLEN', bucket) < FULL then break end
      number = number + 1
    end
  end
  return nil
end
settle = function(key, owner)
  local front = key:sub(1, -33) .. string.format('%d:', epoch)
  local number = 0
  local entries = call('HLEN', front .. number)
  while entries >= FULL do
    number = number + 1
    entries = call('HLEN', front .. number)
  end
  call('HSET', front .. number, field_of(key), owner)
  if entries == 0 and expires then
    call('PEXPIRE', front .. number, string.format('%d', (epoch + 3) * epoch_ms - now))
  end
  call('DEL', key)
end
unsettle = function(bucket, field)
  call('HSET', bucket, field, FORGOTTEN)
end
`,
  complete: `local blob, at = ARGV[1], #mark + 1
local again = ARGV[3] == '1'
local out = {}
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
`,
  find: `local out = { mark .. struct.pack('>I6', now) }
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
`,
  forget: `local FORGOTTEN_MS = '86400000'
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
    leave(key, now_us)
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
`,
  record: `local call = redis.call
local mark = ARGV[1]:sub(1, 4)
local HEAD = '>BBI7I6I6I6I3I3BHH'
local FORMAT = 1
local FOREVER = 281474976710655
local MOST_COUNTED = 16777215
local IDLE, RUNNING, AWAITED, DONE, UNKNOWN = 1, 2, 3, 4, 7
local find_settled, settle, unsettle, epoch_ms
local now_us, expires = clock()
local now = math.floor(now_us / 1000)
local function get(key)
  local bytes = redis.pcall('GET', key)
  if type(bytes) ~= 'table' then return bytes end
  if not bytes.err:find('WRONGTYPE', 1, true) then return nil, bytes end
  return nil, redis.error_reply('ONLYONCE unreadable ' .. key .. ' ' .. bytes.err)
end
local function read(key)
  local bytes, wrong = get(key)
  if not bytes then return nil, wrong end
  local format, state, fence, lease, retain, created, attempt, starts, owner, print, names, at
  if #bytes >= 38 then
    format, state, fence, lease, retain, created, attempt, starts, owner, print, names, at = struct.unpack(HEAD, bytes)
  end
  if format ~= FORMAT or state < IDLE or state > UNKNOWN or at + owner + print + names > #bytes + 1 then
    return nil, redis.error_reply('ONLYONCE unreadable ' .. key)
  end
  local print_at, names_at = at + owner, at + owner + print
  return bytes, state, fence, lease, retain, print_at, names_at, names_at + names, attempt, starts
end
local function later(ms)
  return math.min(now + ms, FOREVER - 1)
end
local last_px, px_text
local function put(key, bytes, retain)
  if not expires or retain == FOREVER then return call('SET', key, bytes) end
  local px = math.max(retain - now, 1)
  if px ~= last_px then
    last_px, px_text = px, string.format('%d', px)
  end
  return call('SET', key, bytes, 'PX', px_text)
end
local function wake(key, state)
  if state == AWAITED then redis.pcall('PUBLISH', ARGV[2], key) end
end
`,
  release: `local blob, at = ARGV[1], #mark + 1
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
`,
  renew: `local blob, at = ARGV[1], #mark + 1
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
`,
} as const
