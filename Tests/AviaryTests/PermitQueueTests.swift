import Testing

@testable import Aviary

@Suite struct PermitQueueTests {
  /// Until so many wait; what is waited for comes without anybody's help.
  static func settle(_ queue: PermitQueue, waiting count: Int) async {
    while queue.waits.now != count { await Task.yield() }
  }

  @Test func permitsComeBack() async throws {
    let queue = PermitQueue(limit: 2)
    var first: Permit? = try await queue.acquire()
    var second: Permit? = try await queue.acquire()
    #expect(queue.used == 2)
    if queue.tryAcquire() != nil { Issue.record("a third permit of two") }
    _ = first.take()
    #expect(queue.used == 1)
    if queue.tryAcquire() == nil { Issue.record("no permit where one is free") }
    _ = second.take()
    #expect(queue.used == 0)
  }

  @Test func firstComeFirstServed() async throws {
    let queue = PermitQueue(limit: 1)
    let order = Shared<[Int]>([])
    var permit: Permit? = try await queue.acquire()
    var tasks: [Task<Void, any Error>] = []
    for index in 0..<20 {
      tasks.append(
        Task {
          let permit = try await queue.acquire()
          order.update { $0.append(index) }
          _ = consume permit
        })
      await Self.settle(queue, waiting: index + 1)
    }
    // Some in the middle, the first and the last give up.
    let cancelled = [0, 7, 8, 19]
    for index in cancelled {
      tasks[index].cancel()
      await #expect(throws: CancellationError.self) { try await tasks[index].value }
    }
    #expect(queue.waits.now == 16)
    _ = permit.take()
    for index in 0..<20 where !cancelled.contains(index) { try await tasks[index].value }
    #expect(order.now == (0..<20).filter { !cancelled.contains($0) })
    #expect(queue.used == 0)
    #expect(queue.waits.total == 20)
  }

  @Test func cancelledBefore() async throws {
    let queue = PermitQueue(limit: 1)
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      _ = try await queue.acquire()
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(queue.used == 0)
  }

  /// Tasks that come, wait, give up and leave at random: never more than the limit inside, no permit lost.
  @Test(arguments: [1, 2, 7]) func storm(limit: Int) async throws {
    let queue = PermitQueue(limit: limit)
    let inside = Shared((now: 0, most: 0))
    let gone = Shared((served: 0, cancelled: 0))
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<2000 {
        group.addTask {
          let task = Task {
            let permit = try await queue.acquire()
            inside.update {
              $0.now += 1
              $0.most = max($0.most, $0.now)
            }
            for _ in 0..<(index % 5) { await Task.yield() }
            inside.update { $0.now -= 1 }
            _ = consume permit
          }
          for _ in 0..<(index % 3) { await Task.yield() }
          if index % 2 == 0 { task.cancel() }
          let result = await task.result
          gone.update {
            if case .success = result { $0.served += 1 } else { $0.cancelled += 1 }
          }
        }
      }
    }
    #expect(queue.used == 0)
    #expect(queue.waits.now == 0)
    #expect(inside.now.now == 0)
    #expect(inside.now.most <= limit)
    let (served, cancelled) = gone.now
    #expect(served + cancelled == 2000)
    #expect(served >= 1000)
  }
}
