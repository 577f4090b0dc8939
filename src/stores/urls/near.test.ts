import { expect, it } from 'vitest'
import { nearest } from './near.ts'

const OURS = ['schema', 'migrate', 'timeoutMs', 'lockWaitMs', 'prepare', 'listen', 'max', 'partitions']

it.each([
  ['schem', 'schema'],
  ['shcema', 'schema'],
  ['Schema', 'schema'],
  ['lock_wait_ms', 'lockWaitMs'],
  ['timeout', 'timeoutMs'],
  ['maxx', 'max'],
  ['prepared', 'prepare'],
])('%s is meant to be %s', (given, meant) => {
  expect(nearest(given, OURS)).toBe(meant)
})

/** Of libpq, `pg` and `pg-connection-string`. */
it.each(
  (
    'host hostaddr port dbname user password passfile channel_binding connect_timeout client_encoding options encoding ' +
    'application_name fallback_application_name keepalives keepalives_idle tcp_user_timeout replication gssencmode ' +
    'sslmode requiressl ssl sslcompression sslcert sslkey sslrootcert sslcrl sslpassword sslnegotiation requirepeer ' +
    'krbsrvname service target_session_attrs load_balance_hosts min_protocol_version statement_timeout query_timeout ' +
    'lock_timeout idle_in_transaction_session_timeout keepAlive binary uselibpqcompat search_path pgbouncer ' +
    'connection_limit pool_timeout min'
  ).split(' '),
)('%s of the driver is not one of ours', (given) => {
  expect(nearest(given, OURS)).toBeUndefined()
})
