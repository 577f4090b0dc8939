-- own: what this consumer was given and has not acknowledged, the oldest first. Fields are left out of what was trimmed.
-- ARGV[3]  after this entry   ARGV[4]  at most so many
local read = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], ARGV[3])
return read and read[1][2] or {}
