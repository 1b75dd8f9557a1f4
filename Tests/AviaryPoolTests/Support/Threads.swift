import Glibc

/// Runs `body` on `count` threads of their own, numbered from 0, and returns when all have ended.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Start: Sendable {
    let number: Int
    let body: @Sendable (Int) -> Void
    init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.number = number
      self.body = body
    }
  }
  let threads = (0..<count).map { number in
    var thread = pthread_t()
    let start = unsafe Unmanaged.passRetained(Start(number, body)).toOpaque()
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        start.body(start.number)
        return nil
      }, start)
    precondition(result == 0, "no thread: \(result)")
    return thread
  }
  for thread in threads { pthread_join(thread, nil) }
}
