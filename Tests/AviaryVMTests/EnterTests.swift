import AviaryContract
import AviaryCore
@testable import AviaryVM
import CAviaryContract
import CAviaryHost
import Glibc
import Testing

private let memory = MemoryType(limits: SizeLimits(minimum: 1, maximum: 3))

private struct Failure: Error, Equatable {
  let number: Int
}

@Suite struct EnterTests {
  @Test func returnsResults() throws {
    let world = try World([.init(.add)])
    #expect(try world.call(0, 40, 2) == 42)
    #expect(try world.call(0, .max, 2) == 1)
    #expect(!world.store.isExecuting)
  }

  @Test func raises() throws {
    let world = try World([.init(.unreachable, .unreachable)])
    let trap = try #require(world.trap(0))
    #expect(trap.code == .unreachable)
    #expect(trap.frames.map(\.functionIndex) == [0])
    #expect(trap.frames.first?.wasmOffset == 100)
    #expect(!world.store.isExecuting)
  }

  @Test func memoryFaultsBecomeTraps() throws {
    let world = try World(
      [.init(.load, .memoryOutOfBounds), .init(.store, .memoryOutOfBounds)], .init(memories: [memory]))
    #expect(try world.call(1, 65528, 77) == 77)
    #expect(try world.call(0, 65528) == 77)
    for address in [65536, 0xFFFF_FFFF, 0x1_7FFF_FFF0] as [UInt64] {
      let trap = try #require(world.trap(0, address))
      #expect(trap.code == .memoryOutOfBounds)
      #expect(trap.memoryOffset == Int64(address))
      #expect(trap.frames.map(\.functionIndex) == [0])
      #expect(trap.frames.first?.wasmOffset == 100)
    }
    let below = try #require(world.trap(0, UInt64(bitPattern: -4096)))
    #expect(below.memoryOffset == -4096)
    #expect(try world.call(0, 65528) == 77)
  }

  @Test func divisionBySignal() throws {
    let world = try World([.init(.divide, .integerDivideByZero)])
    #expect(try world.call(0, 42, 6) == 7)
    #expect(world.trap(0, 42, 0)?.code == .integerDivideByZero)
  }

  @Test func overflowsOfTheStackTrap() throws {
    for bytes in [64 << 10, 1 << 20, 8 << 20] as [UInt64] {
      let world = try World([.init(.recurse), .init(.add)], .init(guestStackBytes: bytes))
      for _ in 0..<3 {
        let trap = try #require(world.trap(0))
        #expect(trap.code == .callStackExhausted)
        #expect(trap.frames.count == VMTrap.frameLimit)
        #expect(trap.isTruncated)
      }
      #expect(try world.call(1, 1, 2) == 3)
    }
  }

  @Test func framesLargerThanTheRestOfTheStackMeetTheGuard() throws {
    let world = try World([.init(.wildPush)], .init(guestStackBytes: 64 << 10))
    #expect(world.trap(0)?.code == .callStackExhausted)
  }

  @Test func hostFunctionsSeeArgumentsAndCaller() throws {
    let world = try World([.init(.callImport)], host: { caller, values in
      #expect(caller.instance != nil)
      values[0] = values[0] * 10 + values[1]
    })
    #expect(try world.call(0, 4, 2) == 42)
  }

  @Test func hostErrorsComeOutUnchanged() throws {
    let world = try World([.init(.callImport)], host: { _, values in
      throw Failure(number: Int(values[0]))
    })
    for number in [1, 2] {
      do {
        _ = try world.call(0, UInt64(number))
        Issue.record("no error")
      } catch .host(let error) {
        #expect(error as? Failure == Failure(number: number))
      }
    }
  }

  @Test func hostFunctionsCanBeCalledByTheHost() throws {
    let world = try World([.init(.add)])
    let function = try World.hostFunction(world.store) { caller, values in
      #expect(caller.instance == nil)
      values[0] += 1
    }
    #expect(try World.call(function, world.thunk, 41, 0) == 42)
  }

  @Test func nestedEntriesAndTrapsThroughThem() throws {
    // f(n) = host(n): n == 0 traps (or returns 0), else f(n - 1) + 1.
    weak var weakWorld: World?
    let world = try World([.init(.callImport), .init(.unreachable, .unreachable)], host: { _, values in
      let n = values[0]
      let world = weakWorld!
      if n == 0 {
        values[0] = values[1] == 0 ? 0 : try world.call(1)
      } else {
        values[0] = try world.call(0, n - 1, values[1]) + 1
      }
    })
    weakWorld = world
    #expect(try world.call(0, 20, 0) == 20)
    let trap = try #require(world.trap(0, 5, 1))
    #expect(trap.code == .unreachable)
    // unreachable, then six activations of callImport
    #expect(trap.frames.map(\.functionIndex) == [2, 1, 1, 1, 1, 1, 1])
    #expect(trap.frames.dropFirst().allSatisfy { $0.wasmOffset == 100 })
    #expect(try world.call(0, 3, 0) == 3)
  }

  @Test func endlessNestingTrapsAndDoesNotUseUpTheNativeStack() throws {
    weak var weakWorld: World?
    let world = try World([.init(.callImport)], .init(guestStackBytes: 64 << 20), host: { _, values in
      values[0] = try weakWorld!.call(0)
    })
    weakWorld = world
    #expect(world.trap(0)?.code == .callStackExhausted)
    let small = try World([.init(.callImport)], .init(guestStackBytes: 64 << 10), host: { _, values in
      values[0] = try weakWorld!.call(0)
    })
    weakWorld = small
    #expect(small.trap(0)?.code == .callStackExhausted)
  }

  /// A guest that found a bug of ours may have left anything where frames are expected.
  @Test func backtracesTrustNoFrame() throws {
    let world = try World([.init(.badFrame, .unreachable), .init(.add)])
    let low = UInt64(unsafe world.store.raw.pointee.stack_low)
    let high = UInt64(unsafe world.store.raw.pointee.stack_high)
    for frame in [0, 1, 8, .max, .max - 7, 1 << 47, low, low + 8, low - 8, high, high - 8, high - 16, high - 12] as [UInt64] {
      for word in [0, frame, high - 64, .max] {
        #expect(world.trap(0, frame, word)?.code == .unreachable)
      }
    }
    // Frames that lead to each other: the pushed word is the frame's own address.
    for offset in stride(from: UInt64(16), to: 256, by: 8) {
      #expect(world.trap(0, high - offset, high - offset)?.code == .unreachable)
    }
    #expect(try world.call(1, 1, 2) == 3)
  }

  @Test func whatCPreservesSurvivesATrap() throws {
    // The faulting function spoils rbx, r12–r14 and the direction flag.
    let world = try World([.init(.clobber, .memoryOutOfBounds)], .init(memories: [memory]))
    let base = unsafe UInt64(UInt(bitPattern: world.instance.memory(0).unsafeBytes(at: 0, count: 0)!.baseAddress))
    var sums: [Int] = []
    for round in 0..<100 {
      #expect(world.trap(0, base + 65536)?.code == .memoryOutOfBounds)
      sums.append(round)
    }
    #expect(sums.reduce(0, +) == 4950)
  }

  @Test func theGuestRunsWithDefaultRounding() throws {
    var environment = fenv_t()
    unsafe fegetenv(&environment)
    fesetround(FE_UPWARD)
    let world = try World([.init(.add), .init(.unreachable, .unreachable)])
    #expect(try world.call(0, 1, 2) == 3)
    #expect(fegetround() == FE_UPWARD)
    #expect(world.trap(1) != nil)
    #expect(fegetround() == FE_UPWARD)
    unsafe fesetenv(&environment)
  }

  @Test func storesUseOtherThreads() async throws {
    let results = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<8 {
        group.addTask {
          do {
            let world = try World(
              [.init(.load, .memoryOutOfBounds), .init(.add), .init(.recurse)], .init(memories: [memory]))
            for _ in 0..<20 {
              guard try world.call(1, UInt64(number), 1) == UInt64(number) + 1,
                world.trap(0, 65536)?.code == .memoryOutOfBounds,
                world.trap(2)?.code == .callStackExhausted
              else { return false }
            }
            return true
          } catch { return false }
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
    #expect(results)
  }
}
