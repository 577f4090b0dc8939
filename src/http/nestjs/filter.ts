import { OnlyonceError } from '../../core/errors.ts'
import { type ProblemContext, problem } from '../problem.ts'
import { answer } from './answer.ts'
import { defineMetadata } from './metadata.ts'
import { nativeOf } from './shapes.ts'

/** The metadata key of Nest's `@Catch()`. */
const CATCHES = '__filterCatchExceptions__'

/** Answers every uncaught `OnlyonceError` with the problem document of its code. */
export class OnlyonceExceptionFilter {
  readonly #context: ProblemContext

  constructor({ header, docs }: ProblemContext = {}) {
    this.#context = { header, docs }
    defineMetadata(CATCHES, [OnlyonceError], OnlyonceExceptionFilter)
  }

  catch(error: OnlyonceError, host: { getType(): string; switchToHttp(): { getResponse(): unknown } }): void {
    if (host.getType() !== 'http') throw error
    const response = host.switchToHttp().getResponse() as object
    const { res } = nativeOf({}, response)
    // The handler has answered, and that answer may be recorded already.
    if (res.writableEnded) return
    if (res.headersSent) return void res.destroy()
    answer(response, problem(error.code, this.#context, error.retryAfterMs), { raw: false })
  }
}
