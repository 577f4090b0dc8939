import { EXIT } from './exit.ts'

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function shutdownAsked(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    const ask = () => {
      if (asked) process.exit(EXIT.interrupted)
      asked = true
      resolve()
    }
    // Replaces the handler of main.ts, which ends the process at once.
    process.removeAllListeners('SIGINT')
    process.on('SIGINT', ask)
    process.on('SIGTERM', ask)
  })
}
