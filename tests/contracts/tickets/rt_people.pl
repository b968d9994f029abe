# People of the tests, and fields and a queue that are set up otherwise than deploy/request-tracker/lineproof.pl does.
use strict;
use warnings;

our (@Queues, @CustomFields, @Users, @ACL);

@Users = map { { Name => $_, Password => "password-of-$_", EmailAddress => "$_\@noc.example", Privileged => 1 } }
    qw(anna ben);
$Users[1]{Timezone} = 'Asia/Tokyo';

@Queues = ( { Name => 'Closed shop', Description => 'Lineproof may not create tickets here' } );

@CustomFields = (
    {   Name => 'Unique Key', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket',
        ApplyTo => 0, MaxValues => 1, UniqueValues => 1,
    },
);

my @rights = qw(SeeQueue CreateTicket ShowTicket ShowTicketComments CommentOnTicket ReplyToTicket ModifyTicket
    OwnTicket TakeTicket ReassignTicket DeleteTicket SeeCustomField SetInitialCustomField ModifyCustomField);
@ACL = map { my $who = $_; map { { UserId => $who, Right => $_ } } @rights } qw(anna ben);

1;
