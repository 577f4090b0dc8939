import { OnlyonceError } from '../../core/errors.ts'
import { warnMisconfigured } from '../misconfigured.ts'
import { type ProblemContext, problem } from '../problem.ts'
import { answer } from './answer.ts'
import { defineMetadata } from './metadata.ts'
import { type NestContext, type NestRequest, nativeOf } from './shapes.ts'

/** The metadata key of Nest's `@Catch()`. */
const CATCHES = '__filterCatchExceptions__'

/** The part of Nest's `ArgumentsHost` that is used. */
type NestHost = Pick<NestContext, 'getType' | 'switchToHttp'>

/** Answers every uncaught `OnlyonceError` with the problem document of its code. */
export class OnlyonceExceptionFilter {
  readonly #context: ProblemContext

  constructor({ header, docs }: ProblemContext = {}) {
    this.#context = { header, docs }
    defineMetadata(CATCHES, [OnlyonceError], OnlyonceExceptionFilter)
  }

  /**
   * Called by Nest. Cuts the connection where the head of another answer is out; an answer that is complete stays.
   * Outside of HTTP the error is thrown again.
   */
  catch(error: OnlyonceError, host: NestHost): void {
    if (host.getType() !== 'http') throw error
    const http = host.switchToHttp()
    const [request, response] = [http.getRequest() as NestRequest, http.getResponse() as object]
    const { req, res } = nativeOf(request, response)
    const { method = '', url = '' } = req
    // Nest logs only what no filter has caught.
    if (error.code === 'OPTION_INVALID') warnMisconfigured({ method, url: request.originalUrl ?? url }, error)
    // The handler has answered, and that answer may be recorded already.
    if (res.writableEnded) return
    if (res.headersSent) return void res.destroy()
    answer(response, problem(error.code, this.#context, error.retryAfterMs), { raw: false })
  }
}
