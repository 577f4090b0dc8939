import { EXIT, failure } from '../exit.ts'
import { type Io, line } from '../io.ts'
import { outboxOf } from '../outbox.ts'
import { storeUrl, withStore } from '../store.ts'
import { counted, safeJson } from '../text.ts'

export interface UnparkOptions {
  readonly store?: string
  readonly json?: boolean
  /** The positions; `key` is the name of the first argument on the command line. */
  readonly key: readonly number[]
}

export async function outboxUnpark(io: Io, options: UnparkOptions): Promise<number> {
  const positions = [...new Set(options.key)]
  return withStore(storeUrl(io, options.store), async (store) => {
    const unparked = await outboxOf(store).unpark(positions)
    if (unparked === 0) throw failure('none of these is parked: `onlyonce outbox ls` shows what is')
    line(io.stdout, options.json ? safeJson({ unparked }) : `${counted(unparked, 'message')} waiting again`)
    if (unparked < positions.length) line(io.stderr, `${positions.length - unparked} of these were not parked`)
    return EXIT.ok
  })
}
