-- own: reads what this consumer received and has not acknowledged, the oldest first. Trimmed entries have no fields.
-- ARGV[3]  after this entry   ARGV[4]  most entries to read
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], ARGV[3])
return read and read[1][2] or {}
