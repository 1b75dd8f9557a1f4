import Aviary
import Glibc
import Testing

/// The host's floating-point modes are its own: the guest computes by the specification, and the host has them again.
@Suite struct FloatModeTests {
  static let flushToZero: UInt32 = 1 << 15
  static let denormalsAreZeros: UInt32 = 1 << 6
  static let control: UInt32 = 0xFFC0
  /// MXCSR's bits that differ from the default.
  static let modes: [UInt32] =
    (0..<4).flatMap { rounding in [0, flushToZero, denormalsAreZeros, flushToZero | denormalsAreZeros].map { rounding << 13 | $0 } }
    // Exceptions unmasked: all; invalid and division by zero, which only the guest's own operations raise.
    + [0x1F80, 0x0080 | 0x0200, flushToZero | 0x0100]

  let divide: TypedFunction<(Double, Double) -> Double>
  let add: TypedFunction<(Float, Float) -> Float>

  init() throws {
    let wat = """
      (module
        (func (export "divide") (param f64 f64) (result f64) (f64.div (local.get 0) (local.get 1)))
        (func (export "add") (param f32 f32) (result f32) (f32.add (local.get 0) (local.get 1))))
      """
    let instance = try Linker<Void>(Fixture.engine).instantiate(try Fixture.compile(wat), in: Store(Fixture.engine))
    divide = try instance.function("divide", as: ((Double, Double) -> Double).self)
    add = try instance.function("add", as: ((Float, Float) -> Float).self)
  }

  @Test(arguments: modes) func theGuestComputesByTheSpecification(_ difference: UInt32) throws {
    var saved = fenv_t()
    unsafe fegetenv(&saved)
    defer { unsafe _ = fesetenv(&saved) }
    var environment = saved
    let wanted = 0x1F80 ^ difference
    environment.__mxcsr = wanted
    unsafe fesetenv(&environment)
    let results = Result {
      (try divide(1, 3), try divide(1, 0), try divide(0, 0), try add(.leastNonzeroMagnitude, .leastNonzeroMagnitude), try add(1, 0x1p-25))
    }
    var after = fenv_t()
    unsafe fegetenv(&after)
    unsafe fesetenv(&saved)
    let (third, infinity, nan, denormal, one) = try results.get()
    #expect(third.bitPattern == 0x3FD5_5555_5555_5555)
    #expect(infinity == .infinity && nan.isNaN)
    #expect(denormal.bitPattern == 2)
    #expect(one == 1)
    #expect(after.__mxcsr & Self.control == wanted)
  }
}
