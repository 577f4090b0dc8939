import { OnlyonceError } from '../../core/errors.ts'
import type { Word } from './client.ts'
import type { RedisDurability } from './options.ts'
import type { RedisPort } from './port.ts'
import { isUnknownScript, type ScriptName, type Scripts } from './scripts/run.ts'

/**
 * Runs a script, then waits on the same connection until the replicas have what it wrote. WAIT only speaks for writes
 * of its own connection: asked on another it answers at once, and says nothing. So the connection tells its number
 * before and after.
 * @throws OnlyonceError STORE_UNAVAILABLE, when the write stands on the master but not on enough replicas
 */
export function createReplicated(
  port: RedisPort,
  scripts: Scripts,
  { waitReplicas, waitTimeoutMs }: Required<RedisDurability>,
) {
  const { together } = port
  if (together === undefined) throw new Error('the client cannot send commands together')
  const who: Word[] = ['CLIENT', 'ID']
  const wait: Word[] = ['WAIT', String(waitReplicas), String(waitTimeoutMs)]

  return async function run(
    script: ScriptName,
    keys: readonly string[],
    args: readonly Word[],
    load?: 'load',
  ): Promise<{ readonly answer: unknown; readonly unmet: OnlyonceError | undefined }> {
    try {
      const words = scripts.words(script, keys, args, load)
      const [before, answer, replicas, after] = await together([who, words, wait, who])
      if (String(before) !== String(after)) {
        throw new Error('the connection was replaced while replicas were waited for')
      }
      return { answer, unmet: Number(replicas) >= waitReplicas ? undefined : missing(Number(replicas)) }
    } catch (error) {
      if (load === undefined && isUnknownScript(error)) return run(script, keys, args, 'load')
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
