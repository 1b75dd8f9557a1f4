import CAviaryHost

/// What this kernel offers for finding written pages. Asked once a pool.
package struct ResetSupport: Sendable, Hashable {
  /// PAGEMAP_SCAN: Linux 6.7.
  package var scans: Bool
  /// userfaultfd's write protection of pages that are not there yet, reported by SIGBUS: Linux 6.4.
  /// No privilege is needed.
  package var protects: Bool

  package init(scans: Bool, protects: Bool) {
    self.scans = scans
    self.protects = protects
  }

  /// UFFD_FEATURE_PAGEFAULT_FLAG_WP, _SIGBUS, _WP_HUGETLBFS_SHMEM (an image is a memfd), _WP_UNPOPULATED.
  static let features =
    UInt64(AVIARY_FAULTFD_PAGEFAULT_FLAG_WP) | UInt64(AVIARY_FAULTFD_SIGBUS) | 1 << 12
    | UInt64(AVIARY_FAULTFD_WP_UNPOPULATED)

  package static func probe() -> ResetSupport {
    let pagemap = aviary_pagemap_open()
    if pagemap >= 0 { aviary_system_close(Int32(truncatingIfNeeded: pagemap)) }
    let offered = aviary_userfault_features()
    return ResetSupport(
      scans: pagemap >= 0, protects: offered >= 0 && UInt64(bitPattern: Int64(offered)) & features == features)
  }
}
