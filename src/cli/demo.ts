import { existsSync } from 'node:fs'
import { failure } from './exit.ts'
import type { Io } from './io.ts'

/** The demo's entry point, with its own command line. */
interface DemoModule {
  main(argv: readonly string[]): Promise<number>
}

/** Relative to dist/cli/main.js, into which this file is bundled. */
const BUILT = new URL('../demo/orders/main.js', import.meta.url)

/** Runs the demo, which gets all arguments, including --help. */
export async function demo(argv: readonly string[], _io: Io, entry: URL = BUILT): Promise<number> {
  if (!existsSync(entry)) {
    throw failure('the demo was not built: run `npm run build`, or `npm run demo`, which does so by itself')
  }
  const { main } = (await import(entry.href)) as DemoModule
  return main(argv)
}
