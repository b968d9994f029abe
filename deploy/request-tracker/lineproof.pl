# What Lineproof needs in Request Tracker 5: the queues of the policy, four custom fields, one user with its rights and a token.
#
#   LINEPROOF_TOKEN_FILE=/etc/lineproof/rt-token \
#       rt-setup-database-5 --action insert --datafile lineproof.pl --skip-create
#
# (from source: sbin/rt-setup-database). docs/request-tracker.md explains each line. Take out what you have already:
# RT adds, it does not compare.
use strict;
use warnings;

our (@Queues, @CustomFields, @Users, @ACL, @Final);

my $login = 'lineproof';

# Where tickets begin, and the desks of `hand_over` and `modems` in config/policies/default.yaml.
@Queues = (
    { Name => 'noc',             Description => 'Troubles of access lines, as they are found and reported' },
    { Name => 'carrier',         Description => 'Troubles that a carrier has to repair' },
    { Name => 'wireless-repair', Description => 'Modems that stayed away after they were started again' },
);

# Fingerprint holds our key. UniqueValues stays off: RT would not refuse a duplicate, it would create the ticket and
# leave the field empty, and then only the text says which trouble it is about.
@CustomFields = map { { LookupType => 'RT::Queue-RT::Ticket', ApplyTo => 0, MaxValues => 1, %$_ } } (
    { Name => 'Fingerprint', Type => 'FreeformSingle', Description => 'The key by which Lineproof finds its ticket' },
    { Name => 'Site',        Type => 'FreeformSingle', Description => 'The site, by any name that Lineproof knows it by' },
    { Name => 'Circuit ID',  Type => 'FreeformSingle', Description => "The carrier's name for the line" },
    {   Name   => 'Impact',
        Type   => 'SelectSingle',
        Values => [ { Name => 'Outage', SortOrder => 1 }, { Name => 'Degraded', SortOrder => 2 } ],
    },
);

# No password: it only ever comes with its token. Times that it reads and writes are UTC.
@Users = ( { Name => $login, RealName => 'Lineproof', Timezone => 'UTC', Privileged => 1 } );

@ACL = map { { UserId => $login, Right => $_ } } (
    qw(SeeQueue CreateTicket ShowTicket ShowTicketComments),    # open tickets, and read what people did
    qw(CommentOnTicket ModifyTicket),                           # notes and files; status, severity, queue, merging
    qw(OwnTicket TakeTicket ReassignTicket),                    # owners
    qw(SeeCustomField SetInitialCustomField ModifyCustomField),
);

@Final = (
    sub {
        my $file = $ENV{LINEPROOF_TOKEN_FILE} or die "set LINEPROOF_TOKEN_FILE to where the token is to be written\n";
        my $user = RT::User->new( RT->SystemUser );
        $user->Load($login);
        my ( $made, $said, $token )
            = RT::AuthToken->new( RT->SystemUser )->Create( Owner => $user->Id, Description => 'Lineproof' );
        die "no token: $said\n" unless $made;
        my $before = umask 0077;
        open my $out, '>', $file or die "$file: $!\n";
        print {$out} $token;
        close $out or die "$file: $!\n";
        umask $before;
    },
);

1;
