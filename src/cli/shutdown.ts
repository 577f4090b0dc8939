import { EXIT } from './exit.ts'

/** Resolves when somebody asks this process to end. Who asks again does not want to wait. */
export function shutdownAsked(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false
    const ask = () => {
      if (asked) process.exit(EXIT.interrupted)
      asked = true
      resolve()
    }
    // The other commands end at once on Ctrl-C; what runs here has to finish first.
    process.removeAllListeners('SIGINT')
    process.on('SIGINT', ask)
    process.on('SIGTERM', ask)
  })
}
