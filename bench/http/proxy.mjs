import { contest } from '../contest.mjs'
import { contestTable } from '../contest-table.mjs'
import { asking } from './asking.mjs'
import { serving, servingProxy } from './serving.mjs'

const UPSTREAM = new URL('./upstream-server.mjs', import.meta.url)
const CALLERS = 32

/** No request here has this method, so all pass unguarded. */
const UNGUARDED = ['--methods', 'PUT']
/** In memory there is only room for the keys of a few seconds. */
const FORGETFUL = ['--lease-ms', '2000', '--retention-ms', '2000']

/** Ratios are relative to the same proxy without the guard. @type {readonly { name: string, asked: import('./asking.mjs').Asked, on: 'memory' | 'Redis', more?: readonly string[], goal?: number }[]} */
const CASES = [
  { name: 'new requests, memory', asked: 'first', on: 'memory', more: FORGETFUL, goal: 0.5 },
  { name: 'new requests, Redis', asked: 'first', on: 'Redis', goal: 0.5 },
  { name: 'duplicates, Redis', asked: 'duplicate', on: 'Redis', goal: 0.5 },
]

/** @type {import('../sections.mjs').Section} */
export const proxy = {
  name: 'proxy',
  table: (rows) => contestTable(rows),
  cases: ({ servers, sliceMs }) =>
    CASES.map(({ name, asked, on, more = [], ...goal }) => ({
      name: `${name}, ${CALLERS} callers`,
      async measure() {
        const store = on === 'memory' ? 'memory:' : (await servers.get('redis')).url
        const upstream = await serving(UPSTREAM, [], 'the service behind the proxy')
        try {
          const flags = ['--upstream', `http://127.0.0.1:${upstream.port}`, '--store', store, ...more]
          const sides = [
            asking(await servingProxy([...flags, ...UNGUARDED], 'the proxy without its guard'), asked),
            asking(await servingProxy(flags, `onlyonce proxy, ${on}`), asked),
          ]
          const measured = await contest(sides, { callers: CALLERS, sliceMs, pids: sides.map(({ pid }) => pid) })
          return { ...goal, ...measured }
        } finally {
          await upstream.close()
        }
      },
    })),
}
