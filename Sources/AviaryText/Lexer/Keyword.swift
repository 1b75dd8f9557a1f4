/// Words of the text format that are not instructions.
enum Keyword: String, CaseIterable, Sendable {
  // Modules
  case module, type, rec, sub, final, `func`, `struct`, array, field, mut, param, result, local
  case `import`, export, table, memory, global, tag, start, elem, data, offset, item, declare
  case then, `do`, pagesize, shared
  case catchRef = "catch_ref"
  case catchAllRef = "catch_all_ref"
  // Types
  case i8, i16, i32, i64, f32, f64, v128, ref, null
  case any, eq, i31, none, nofunc, exn, noexn, extern, noextern
  case anyref, eqref, i31ref, structref, arrayref, nullref, funcref, nullfuncref
  case externref, nullexternref, exnref, nullexnref
  case i8x16, i16x8, i32x4, i64x2, f32x4, f64x2
  // Scripts
  case definition, instance, binary, quote, register, invoke, get, either, thread, wait
  case assertReturn = "assert_return"
  case assertTrap = "assert_trap"
  case assertExhaustion = "assert_exhaustion"
  case assertMalformed = "assert_malformed"
  case assertInvalid = "assert_invalid"
  case assertMalformedCustom = "assert_malformed_custom"
  case assertInvalidCustom = "assert_invalid_custom"
  case assertUnlinkable = "assert_unlinkable"
  case assertException = "assert_exception"
  case assertSuspension = "assert_suspension"
  case nanCanonical = "nan:canonical"
  case nanArithmetic = "nan:arithmetic"
  case refHost = "ref.host"
  case refExtern = "ref.extern"
  case refAny = "ref.any"
  case refStruct = "ref.struct"
  case refArray = "ref.array"
  case refExn = "ref.exn"
}
