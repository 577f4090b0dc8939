import { existsSync } from 'node:fs'
import { failure } from './exit.ts'
import type { Io } from './io.ts'

/** What the entry of the demo exports: its own command line. */
interface DemoModule {
  main(argv: readonly string[]): Promise<number>
}

/** Seen from dist/cli/main.js, where this file ends up. */
const BUILT = new URL('../demo/orders/main.js', import.meta.url)

/** Every argument belongs to the demo, --help included. */
export async function demo(argv: readonly string[], _io: Io, entry: URL = BUILT): Promise<number> {
  if (!existsSync(entry)) {
    throw failure('the demo was not built: run `npm run build`, or `npm run demo`, which does so by itself')
  }
  const { main } = (await import(entry.href)) as DemoModule
  return main(argv)
}
