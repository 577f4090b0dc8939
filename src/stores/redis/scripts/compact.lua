-- compact: inserted between record.lua and a verb. Of completed operations it keeps only that they are done.
-- KEYS     prefix:{group}:id in hex; a group's buckets are prefix:{group}:epoch:number, in the same slot
--          In a Cluster also prefix:{group}:-, a key that never exists. While a slot moves key by key, a script runs on
--          the node that has all of its KEYS, and would miss buckets on the other node. With a key that neither has,
--          both answer TRYAGAIN until the whole slot has moved.
-- ARGV[4]  how long an epoch lasts in ms: half of the retention
--
-- A bucket is a hash from the 16 bytes of an id to the last 3 bytes of its owner, which tell a repeated completion from
-- that of another owner. It expires as a whole, two epochs after the end of its own. A full bucket is followed by
-- another: Redis keeps up to 128 entries in a listpack (hash-max-listpack-entries), each of at most 64 bytes.
-- A forgotten operation keeps its entry, with FORGOTTEN as its owner: a bucket that shrank would end the search before
-- the buckets that follow it.
local FULL = 128
local FORGOTTEN = ''
if KEYS[#KEYS]:sub(-2) == ':-' then KEYS[#KEYS] = nil end
epoch_ms = tonumber(ARGV[4])
local epoch = math.floor(now / epoch_ms)

local function field_of(key)
  local at = #key - 31
  return struct.pack('>I4I4I4I4', tonumber(key:sub(at, at + 7), 16), tonumber(key:sub(at + 8, at + 15), 16),
    tonumber(key:sub(at + 16, at + 23), 16), tonumber(key:sub(at + 24), 16))
end

-- Returns the owner bytes of a completed operation, its bucket, field and epoch. Also looks in the next epoch: the
-- clock may have been set back over the end of one, or be that of a promoted replica.
-- again  the entry is written again, so that a WAIT after it also covers the first write
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
