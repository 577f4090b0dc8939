/** What a call depends on. `time`, `random`: a new value at each run. `writing`: side effects. `opaque`: unknown. */
export type Character = 'pure' | 'time' | 'random' | 'writing' | 'session' | 'opaque'

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

const PURE = words(`
  abs ceil ceiling floor round trunc truncate mod power pow sqrt sign exp ln log log10 coalesce ifnull nullif nvl greatest least
  lower upper lcase ucase initcap trim ltrim rtrim btrim length len char_length character_length octet_length bit_length
  substr substring replace concat concat_ws left right lpad rpad repeat reverse ascii chr char instr position locate strpos
  split_part md5 sha1 sha sha2 sha224 sha256 sha384 sha512 hex unhex encode decode to_base64 from_base64 crc32 if iif
  to_char to_number to_date to_timestamp date_trunc date_part extract make_date make_timestamp date_add date_sub adddate
  subdate datediff timestampdiff timestampadd date_format str_to_date from_unixtime year month day hour minute second last_day
  json_extract json_unquote json_set json_insert json_replace json_remove json_object json_array json_quote json_valid
  json_array_append json_merge_patch json_merge_preserve json_type json_length json json_patch jsonb jsonb_set jsonb_insert
  jsonb_build_object jsonb_build_array json_build_object json_build_array to_json to_jsonb jsonb_strip_nulls
  array_append array_prepend array_remove array_cat array_length cardinality array_position array_to_string string_to_array
  count sum avg min max total group_concat string_agg array_agg json_agg jsonb_agg json_group_array json_group_object bool_and
  bool_or every row_number rank dense_rank ntile lag lead first_value last_value cast convert typeof format quote unicode
  inet_aton inet_ntoa any_value stddev variance unnest generate_series any all some`)

const TIME = words(`
  now current_timestamp current_time current_date localtime localtimestamp clock_timestamp statement_timestamp
  transaction_timestamp timeofday sysdate curdate curtime utc_timestamp utc_date utc_time`)

const RANDOM = words(`
  random rand randomblob gen_random_uuid gen_random_bytes uuid uuid_short uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4
  uuidv4 uuidv7 random_bytes`)

/** Each call has a side effect, even a second one with the same arguments: unlike `setval` or the release of a lock. */
const WRITING = words(`
  nextval pg_notify pg_advisory_lock pg_advisory_lock_shared get_lock lo_import pg_logical_emit_message`)

const SESSION = words(`
  last_insert_id last_insert_rowid currval lastval changes total_changes row_count found_rows connection_id current_user
  session_user user database schema current_schema current_setting pg_backend_pid version txid_current`)

/** Without an argument, or of the text `now`, they return the current time; of a column they convert it. */
const DATES = words('date time datetime julianday strftime unixepoch unix_timestamp')

/** Judges a call. `texts`: its arguments that are text literals; `plain`: all others are columns or numbers. */
export function characterOf(name: string, count: number, texts: readonly string[], plain: boolean): Character {
  const word = name.toLowerCase()
  if (DATES.has(word)) {
    const tells = word === 'strftime' ? count <= 1 : count === 0
    if (tells || texts.some((text) => /^(now|today|tomorrow|yesterday|localtime|utc)$/i.test(text.trim())))
      return 'time'
    // In SQLite, `subsec` in the place of a time is the current one.
    if (texts.length === count && /^subsec(ond)?$/i.test(texts[word === 'strftime' ? 1 : 0] ?? '')) return 'time'
    return plain ? 'pure' : 'opaque'
  }
  if (PURE.has(word)) return 'pure'
  if (TIME.has(word)) return 'time'
  if (RANDOM.has(word)) return 'random'
  if (WRITING.has(word)) return 'writing'
  return SESSION.has(word) ? 'session' : 'opaque'
}
