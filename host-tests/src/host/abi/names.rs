//! The names of the host calls that this host offers, and which ABI version has which.

use crate::host::AbiVersion;

/// The modules whose imports this host knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Module {
    /// `env`: the ABI, and what Emscripten expects.
    Env,
    /// `wasi_snapshot_preview1`, also under its older name `wasi_unstable`.
    Wasi,
}

macro_rules! host_calls {
    ($($module:ident { $($variant:ident = $name:literal,)* })*) => {
        /// A host call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(usize)]
        pub enum HostCall { $($(#[doc = concat!("`", $name, "`")] $variant),*),* }

        impl HostCall {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$variant),*),*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The import's name.
            pub fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name),*),* }
            }

            fn module(self) -> Module {
                match self { $($(Self::$variant)|* => Module::$module),* }
            }

            /// Finds one by the import's name.
            pub fn by_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|call| call.name() == name)
            }
        }
    };
}

host_calls! {
    Env {
        Log = "proxy_log",
        GetLogLevel = "proxy_get_log_level",
        GetCurrentTime = "proxy_get_current_time_nanoseconds",
        SetTickPeriod = "proxy_set_tick_period_milliseconds",
        GetConfiguration = "proxy_get_configuration",
        GetStatus = "proxy_get_status",
        GetProperty = "proxy_get_property",
        SetProperty = "proxy_set_property",
        GetHeader = "proxy_get_header_map_value",
        AddHeader = "proxy_add_header_map_value",
        ReplaceHeader = "proxy_replace_header_map_value",
        RemoveHeader = "proxy_remove_header_map_value",
        GetHeaderPairs = "proxy_get_header_map_pairs",
        SetHeaderPairs = "proxy_set_header_map_pairs",
        GetHeaderMapSize = "proxy_get_header_map_size",
        GetBuffer = "proxy_get_buffer_bytes",
        SetBuffer = "proxy_set_buffer_bytes",
        GetBufferStatus = "proxy_get_buffer_status",
        SendLocalResponse = "proxy_send_local_response",
        ContinueRequest = "proxy_continue_request",
        ContinueResponse = "proxy_continue_response",
        ClearRouteCache = "proxy_clear_route_cache",
        ContinueStream = "proxy_continue_stream",
        CloseStream = "proxy_close_stream",
        SetEffectiveContext = "proxy_set_effective_context",
        Done = "proxy_done",
        GetSharedData = "proxy_get_shared_data",
        SetSharedData = "proxy_set_shared_data",
        RegisterQueue = "proxy_register_shared_queue",
        ResolveQueue = "proxy_resolve_shared_queue",
        Enqueue = "proxy_enqueue_shared_queue",
        Dequeue = "proxy_dequeue_shared_queue",
        DefineMetric = "proxy_define_metric",
        IncrementMetric = "proxy_increment_metric",
        RecordMetric = "proxy_record_metric",
        GetMetric = "proxy_get_metric",
        HttpCall = "proxy_http_call",
        GrpcCall = "proxy_grpc_call",
        GrpcStream = "proxy_grpc_stream",
        GrpcSend = "proxy_grpc_send",
        GrpcCancel = "proxy_grpc_cancel",
        GrpcClose = "proxy_grpc_close",
        CallForeignFunction = "proxy_call_foreign_function",
        PthreadEqual = "pthread_equal",
        MemoryGrowth = "emscripten_notify_memory_growth",
    }
    Wasi {
        ArgsGet = "args_get",
        ArgsSizesGet = "args_sizes_get",
        EnvironGet = "environ_get",
        EnvironSizesGet = "environ_sizes_get",
        ClockTimeGet = "clock_time_get",
        ClockResGet = "clock_res_get",
        RandomGet = "random_get",
        FdWrite = "fd_write",
        FdPwrite = "fd_pwrite",
        FdRead = "fd_read",
        FdPread = "fd_pread",
        FdSeek = "fd_seek",
        FdTell = "fd_tell",
        FdClose = "fd_close",
        FdSync = "fd_sync",
        FdDatasync = "fd_datasync",
        FdAdvise = "fd_advise",
        FdAllocate = "fd_allocate",
        FdRenumber = "fd_renumber",
        FdReaddir = "fd_readdir",
        FdFdstatGet = "fd_fdstat_get",
        FdFdstatSetFlags = "fd_fdstat_set_flags",
        FdFdstatSetRights = "fd_fdstat_set_rights",
        FdFilestatGet = "fd_filestat_get",
        FdFilestatSetSize = "fd_filestat_set_size",
        FdFilestatSetTimes = "fd_filestat_set_times",
        FdPrestatGet = "fd_prestat_get",
        FdPrestatDirName = "fd_prestat_dir_name",
        PathOpen = "path_open",
        PathCreateDirectory = "path_create_directory",
        PathFilestatGet = "path_filestat_get",
        PathFilestatSetTimes = "path_filestat_set_times",
        PathLink = "path_link",
        PathReadlink = "path_readlink",
        PathRemoveDirectory = "path_remove_directory",
        PathRename = "path_rename",
        PathSymlink = "path_symlink",
        PathUnlinkFile = "path_unlink_file",
        SockAccept = "sock_accept",
        SockRecv = "sock_recv",
        SockSend = "sock_send",
        SockShutdown = "sock_shutdown",
        PollOneoff = "poll_oneoff",
        SchedYield = "sched_yield",
        ProcExit = "proc_exit",
    }
}

impl HostCall {
    /// Finds one by an import's module and name, if a version of the ABI has it. The C++ host links some calls for
    /// some versions only.
    pub(crate) fn import(module: &str, name: &str, version: AbiVersion) -> Option<Self> {
        let module = match module {
            "env" => Module::Env,
            "wasi_snapshot_preview1" | "wasi_unstable" => Module::Wasi,
            _ => return None,
        };
        let found = Self::by_name(name).filter(|call| call.module() == module)?;
        let offered = match found {
            Self::GetConfiguration | Self::ContinueRequest | Self::ContinueResponse | Self::ClearRouteCache => {
                version == AbiVersion::V0_1_0
            }
            Self::ContinueStream | Self::CloseStream => version != AbiVersion::V0_1_0,
            Self::GetLogLevel => version == AbiVersion::V0_2_1,
            _ => true,
        };
        offered.then_some(found)
    }

    /// Whether the guest may call it from `_initialize` or `_start`: nearly all of WASI, so that runtimes can set
    /// themselves up, and nothing of the ABI but the log.
    pub(super) fn allowed_at_start(self) -> bool {
        let late = [Self::FdRead, Self::FdSeek, Self::FdClose, Self::SchedYield, Self::ProcExit, Self::PathOpen];
        self == Self::MemoryGrowth || self.module() == Module::Wasi && !late.contains(&self)
    }
}

impl HostCall {
    /// True if it touches what the VMs of all threads share, so that their order matters.
    pub(crate) fn is_shared(self) -> bool {
        matches!(
            self,
            Self::GetSharedData
                | Self::SetSharedData
                | Self::RegisterQueue
                | Self::ResolveQueue
                | Self::Enqueue
                | Self::Dequeue
                | Self::IncrementMetric
                | Self::RecordMetric
                | Self::GetMetric
        )
    }
}
