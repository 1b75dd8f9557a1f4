/// Waiters by the time that they wait for, the earliest first; of those with
/// the same time the one that came first.
///
/// Invariant: a waiter's `place` is its index here, or -1 where it is not here;
/// so one that is cancelled leaves in logarithmic time, and nothing stays behind.
struct TimerHeap {
  private var waiters: [Waiter] = []

  var first: Waiter? { waiters.first }
  var count: Int { waiters.count }

  mutating func insert(_ waiter: Waiter) {
    waiter.place = waiters.count
    waiters.append(waiter)
    rise(waiter.place)
  }

  mutating func remove(_ waiter: Waiter) {
    let place = waiter.place
    guard place >= 0 else { return }
    let last = waiters.count - 1
    if place != last { swap(place, last) }
    waiters.removeLast()
    waiter.place = -1
    guard place < waiters.count else { return }
    rise(place)
    sink(place)
  }

  private mutating func rise(_ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      guard waiters[index].isBefore(waiters[parent]) else { return }
      swap(index, parent)
      index = parent
    }
  }

  private mutating func sink(_ start: Int) {
    var index = start
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < waiters.count {
        if waiters[child].isBefore(waiters[least]) { least = child }
      }
      guard least != index else { return }
      swap(index, least)
      index = least
    }
  }

  private mutating func swap(_ first: Int, _ second: Int) {
    waiters.swapAt(first, second)
    waiters[first].place = first
    waiters[second].place = second
  }
}
