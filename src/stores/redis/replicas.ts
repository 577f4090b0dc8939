import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import type { Word } from './client.ts'
import type { RedisDurability } from './options.ts'
import type { RedisPort } from './port.ts'
import { isUnknownScript, type ScriptName, type Scripts } from './scripts/run.ts'

/** Identifies the connection. Each server numbers its own, so the id alone may be that of another server's. */
const INFO: Word[] = ['CLIENT', 'INFO']
/** For Redis before 6.2, and for users without permission for CLIENT INFO. */
const ID: Word[] = ['CLIENT', 'ID']
const NO_INFO = /unknown subcommand|NOPERM/i

/**
 * Runs a script, then waits on the same connection until the replicas have what it wrote. WAIT covers only writes of
 * its own connection; on another it returns at once and proves nothing. So the connection is identified before and
 * after. With `unmet`, a STORE_UNAVAILABLE error, the write is on the master but not on enough replicas.
 */
export function createReplicated(
  port: RedisPort,
  scripts: Scripts,
  { waitReplicas, waitTimeoutMs }: Required<RedisDurability>,
) {
  const { together } = port
  if (together === undefined) throw new Error('the client cannot send commands together')
  let who = INFO
  const wait: Word[] = ['WAIT', String(waitReplicas), String(waitTimeoutMs)]

  return async function run(
    script: ScriptName,
    keys: readonly string[],
    args: readonly Word[],
    load?: 'load',
  ): Promise<{ readonly answer: unknown; readonly unmet: OnlyonceError | undefined }> {
    const asking = who
    try {
      const words = scripts.words(script, keys, args, load)
      const [before, answer, replicas, after] = await together([asking, words, wait, asking])
      if (placeOf(before) !== placeOf(after)) {
        throw new Error('the connection was replaced while replicas were waited for')
      }
      return { answer, unmet: Number(replicas) >= waitReplicas ? undefined : missing(Number(replicas)) }
    } catch (error) {
      if (load === undefined && isUnknownScript(error)) return run(script, keys, args, 'load')
      if (asking === INFO && NO_INFO.test(reasonOf(error))) {
        who = ID
        return run(script, keys, args, load)
      }
      throw error
    }
  }

  function missing(replicas: number): OnlyonceError {
    return new OnlyonceError(
      'STORE_UNAVAILABLE',
      `redis has this on ${replicas} of ${waitReplicas} replicas after ${waitTimeoutMs} ms; ` +
        'a fail-over now could lose it: see that the replicas follow, or ask for fewer with durability.waitReplicas',
    )
  }
}

/** Reduces an answer to the fields that identify a connection and do not change while it lives. */
function placeOf(told: unknown): string {
  return String(told)
    .split(' ')
    .filter((field) => !field.includes('=') || /^(id|addr|laddr)=/.test(field))
    .join(' ')
}
