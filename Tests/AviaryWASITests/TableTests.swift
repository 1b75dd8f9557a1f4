import Testing

@testable import AviaryWASI

@Suite("The table of functions")
struct TableTests {
  @Test func `all 46 are there`() throws {
    let guest = try Guest()
    #expect(guest.names.count == 46)
    #expect(
      guest.names.joined(separator: " ") == """
        args_get args_sizes_get clock_res_get clock_time_get environ_get environ_sizes_get \
        fd_advise fd_allocate fd_close fd_datasync fd_fdstat_get fd_fdstat_set_flags \
        fd_fdstat_set_rights fd_filestat_get fd_filestat_set_size fd_filestat_set_times fd_pread \
        fd_prestat_dir_name fd_prestat_get fd_pwrite fd_read fd_readdir fd_renumber fd_seek \
        fd_sync fd_tell fd_write path_create_directory path_filestat_get path_filestat_set_times \
        path_link path_open path_readlink path_remove_directory path_rename path_symlink \
        path_unlink_file poll_oneoff proc_exit proc_raise random_get sched_yield sock_accept \
        sock_recv sock_send sock_shutdown
        """)
  }

  /// The parameters of each, as the standard's own witx files have them.
  @Test func `the parameters are the standard's`() throws {
    let guest = try Guest()
    #expect(
      guest.names.map { "\($0):\(guest.signature(of: $0))" }.joined(separator: " ") == """
        args_get:ii args_sizes_get:ii clock_res_get:ii clock_time_get:iIi environ_get:ii \
        environ_sizes_get:ii fd_advise:iIIi fd_allocate:iII fd_close:i fd_datasync:i \
        fd_fdstat_get:ii fd_fdstat_set_flags:ii fd_fdstat_set_rights:iII fd_filestat_get:ii \
        fd_filestat_set_size:iI fd_filestat_set_times:iIIi fd_pread:iiiIi fd_prestat_dir_name:iii \
        fd_prestat_get:ii fd_pwrite:iiiIi fd_read:iiii fd_readdir:iiiIi fd_renumber:ii \
        fd_seek:iIii fd_sync:i fd_tell:ii fd_write:iiii path_create_directory:iii \
        path_filestat_get:iiiii path_filestat_set_times:iiiiIIi path_link:iiiiiii \
        path_open:iiiiiIIii path_readlink:iiiiii path_remove_directory:iii path_rename:iiiiii \
        path_symlink:iiiii path_unlink_file:iii poll_oneoff:iiii proc_exit:i proc_raise:i \
        random_get:ii sched_yield: sock_accept:iii sock_recv:iiiiii sock_send:iiiii sock_shutdown:ii
        """)
  }
}
