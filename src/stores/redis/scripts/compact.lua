-- compact: between record.lua and a verb, for operations of which nothing is kept but that they are done.
-- KEYS     prefix:{group}:id in hex; a group's buckets are prefix:{group}:epoch:number, in the same slot
--          In a Cluster one more, prefix:{group}:-, at which there never is anything. While a slot moves key by key, a
--          script runs on either node if that has all of its KEYS, and finds nothing in buckets that are on the other.
--          With one that neither has both answer TRYAGAIN, until the whole slot has moved.
-- ARGV[4]  how long an epoch lasts in ms: half of the retention
--
-- A bucket is a hash from the 16 bytes of the id to the last 3 of its owner, which tell a repeat of its completion from
-- the completion of somebody else. It expires as a whole, two epochs after its own. One that is full is followed by
-- another: 128 entries are what Redis keeps in a listpack (hash-max-listpack-entries), 64 bytes the longest entry.
-- What is forgotten leaves its entry behind, with FORGOTTEN for an owner: a bucket that got shorter would end the search
-- before those that follow it.
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

-- What a key's field holds, the bucket it is in, and the epoch of that; also in the epoch to come: the clock may have been
-- set back over the end of one, or be that of a replica that was promoted.
-- again  written again, so that a WAIT after it covers the first write too
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

unsettle = function(key)
  local owner, bucket, field = find_settled(key)
  if owner then call('HSET', bucket, field, FORGOTTEN) end
  return owner
end
