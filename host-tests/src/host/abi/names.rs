//! The names of the host calls that this host offers.

macro_rules! host_calls {
    ($($variant:ident = $name:literal,)*) => {
        /// A host call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(usize)]
        pub enum HostCall { $(#[doc = concat!("`", $name, "`")] $variant),* }

        impl HostCall {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The import's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Finds one by the import's name.
            pub fn by_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|call| call.name() == name)
            }
        }
    };
}

host_calls! {
    Log = "proxy_log",
    GetLogLevel = "proxy_get_log_level",
    GetCurrentTime = "proxy_get_current_time_nanoseconds",
    SetTickPeriod = "proxy_set_tick_period_milliseconds",
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
    CallForeignFunction = "proxy_call_foreign_function",
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
