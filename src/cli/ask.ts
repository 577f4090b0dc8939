import { createInterface } from 'node:readline'
import { CliError, EXIT } from './exit.ts'

/** Shows the question and returns one line; '' when the input ends first. @throws CliError 130 on Ctrl-C */
export function ask(question: string, input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input, output })
    let isAnswered = false
    lines.on('SIGINT', () => {
      reject(new CliError(EXIT.interrupted, 'interrupted'))
      lines.close()
    })
    lines.on('close', () => {
      if (!isAnswered) output.write('\n')
      resolve('')
    })
    lines.question(question, (answer) => {
      isAnswered = true
      resolve(answer)
      lines.close()
    })
  })
}
