-- The beginning of every script: the layout of a record, the clock, and functions to read and write a record.
--
-- A record is one string, big-endian; ../format.ts reads the same. From byte 1:
--   1 format B, 2 state B, 3 fence I7, 10 lease end I6, 16 retention end I6, 22 created I6, 28 attempt I3, 31 starts I3,
--   34 lengths of owner B, fingerprint H and names H, 39 those three, then the body:
--   the result of a done operation, else the steps (their count I4 first, nothing at all when there are none).
-- A forgotten operation leaves a head with only its fence, which every later fence must exceed.
--
-- No table is made per record: tables and number formatting are what scripts spend their time on.
-- `clock()` is defined before this file. It returns microseconds since 1970, and whether keys expire by that clock.
-- Source rule: TIME makes a script non-deterministic, which needs effect replication, the default since Redis 5.
local call = redis.call
-- The mark of this call. The answer begins with it too, so that an answer to another call is recognised.
local mark = ARGV[1]:sub(1, 4)
local HEAD = '>BBI7I6I6I6I3I3BHH'
local FORMAT = 1
-- The largest time in six bytes stands for "never".
local FOREVER = 281474976710655
local MOST_COUNTED = 16777215
local IDLE, RUNNING, AWAITED, DONE, UNKNOWN = 1, 2, 3, 4, 7
-- Set by compact.lua.
local find_settled, settle, unsettle, epoch_ms

local now_us, expires = clock()
local now = math.floor(now_us / 1000)

-- Returns the bytes at a key. Returns nil and an error that names the key where it holds something of another type, and
-- the server's own error for anything else.
local function get(key)
  local bytes = redis.pcall('GET', key)
  if type(bytes) ~= 'table' then return bytes end
  if not bytes.err:find('WRONGTYPE', 1, true) then return nil, bytes end
  return nil, redis.error_reply('ONLYONCE unreadable ' .. key .. ' ' .. bytes.err)
end

-- Returns the record at a key, even if its retention is over: its bytes, the fields of its head, and where fingerprint,
-- names and body begin. Returns nil without one, and nil and an error if it cannot be read.
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

-- The key lives as long as the retention: a running record outlives its lease, so that an abandoned one is seen.
local function put(key, bytes, retain)
  if not expires or retain == FOREVER then return call('SET', key, bytes) end
  local px = math.max(retain - now, 1)
  if px ~= last_px then
    last_px, px_text = px, string.format('%d', px)
  end
  return call('SET', key, bytes, 'PX', px_text)
end

-- Publishes only if somebody may wait. Without the permission to publish, the write still counts.
local function wake(key, state)
  if state == AWAITED then redis.pcall('PUBLISH', ARGV[2], key) end
end
